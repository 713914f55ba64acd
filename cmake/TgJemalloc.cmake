# SPDX-License-Identifier: BSD-3-Clause
#
# tg::jemalloc: the private jemalloc of tools/setup.sh, or nothing. TG_HAVE_JEMALLOC=1 is defined
# for core only when it is there. Sanitizers want to see every allocation, so they go without.
set(TG_JEMALLOC_VERSION 5.3.0)
set(TG_JEMALLOC_ROOT "" CACHE PATH "Folder with lib/libjemalloc.a and include/ (je_ prefix)")
add_library(tg::jemalloc INTERFACE IMPORTED GLOBAL)

if(TG_JEMALLOC AND TG_SANITIZE)
    message(STATUS "Allocator: the system's, as the sanitizers watch it")
elseif(TG_JEMALLOC)
    set(root "${TG_JEMALLOC_ROOT}")
    if(NOT root)
        set(cache "$ENV{XDG_CACHE_HOME}")
        if(NOT cache)
            set(cache "$ENV{HOME}/.cache")
        endif()
        set(root "${cache}/tilegraph/jemalloc-${TG_JEMALLOC_VERSION}-${CMAKE_SYSTEM_PROCESSOR}")
    endif()
    if(EXISTS "${root}/lib/libjemalloc.a" AND EXISTS "${root}/include/jemalloc/jemalloc.h")
        set(TG_HAVE_JEMALLOC ON)
        target_include_directories(tg::jemalloc INTERFACE "${root}/include")
        target_compile_definitions(tg::jemalloc INTERFACE TG_HAVE_JEMALLOC=1)
        target_link_libraries(tg::jemalloc INTERFACE "${root}/lib/libjemalloc.a"
                              Threads::Threads m)
        message(STATUS "Allocator: jemalloc ${TG_JEMALLOC_VERSION}, static")
    elseif(TG_JEMALLOC_ROOT)
        message(FATAL_ERROR "No lib/libjemalloc.a and include/ in TG_JEMALLOC_ROOT=${root}")
    else()
        message(STATUS "Allocator: the system's; `tools/setup.sh jemalloc` builds jemalloc")
    endif()
else()
    message(STATUS "Allocator: the system's, as TG_JEMALLOC=OFF")
endif()
