# SPDX-License-Identifier: BSD-3-Clause
#
# Language, warnings, code generation and sanitizers, for every target of this tree. They are
# directory-wide on purpose: options that a target links to come after its own, and would take
# back the instruction set of an ISA variant.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# -g1 keeps the line numbers of a backtrace or a profile for a tenth of the size of -g.
set(CMAKE_C_FLAGS_RELEASE "-O3 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-Og -g -DTG_DEBUG=1")

find_program(TG_CCACHE ccache)
if(TG_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER ${TG_CCACHE})
endif()

add_compile_definitions(_GNU_SOURCE _FILE_OFFSET_BITS=64)
add_compile_options(
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
    # Results must not depend on whether a compiler finds a multiply-add to fuse.
    -ffp-contract=off
    # Neither errno nor floating-point traps are part of any interface here, and both stand in
    # the way of vectorised loops. Nothing else of -ffast-math is wanted: NaN and signed zero are.
    -fno-math-errno -fno-trapping-math)
if(TG_WERROR)
    add_compile_options(-Werror)
endif()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    set(TG_X86_64 ON)
    add_compile_options(-march=x86-64-v2)
endif()

# What core, ops and the scheduler compile with besides: no silent narrowing of sizes. Sign
# conversion is left out, as it refuses ordinary pointer and index arithmetic.
set(TG_STRICT_OPTIONS -Wconversion -Wno-sign-conversion)

if(TG_SANITIZE)
    add_compile_options(-fsanitize=${TG_SANITIZE} -fno-sanitize-recover=all
                        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${TG_SANITIZE})
    if(TG_SANITIZE MATCHES "address")
        add_compile_definitions(TG_ASAN=1)
    endif()
    if(TG_SANITIZE MATCHES "thread")
        add_compile_definitions(TG_TSAN=1)
        # gcc cannot model stand-alone fences; it says so at each, which -Werror would stop.
        if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
            add_compile_options(-Wno-tsan)
        endif()
    endif()
endif()
if(TG_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "TG_FUZZ needs clang: libFuzzer is a part of it")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(APPLE)
    set(TG_SHARED_LINK_OPTIONS "")
else()
    add_link_options(-Wl,--as-needed)
    # Symbols of static archives (jemalloc) stay inside the library.
    set(TG_SHARED_LINK_OPTIONS -Wl,--exclude-libs,ALL)
    # clang puts a sanitizer's runtime into the executable only; a library then has open ends.
    if(NOT (TG_SANITIZE AND CMAKE_C_COMPILER_ID MATCHES "Clang") AND NOT TG_FUZZ)
        list(APPEND TG_SHARED_LINK_OPTIONS -Wl,--no-undefined)
    endif()
endif()
