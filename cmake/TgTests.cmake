# SPDX-License-Identifier: BSD-3-Clause
#
# Tests, found by their names:
#   tests/**/test_*.c        one cmocka executable and one ctest each, named by its path
#   tests/support/*.c        linked into each of them, and into the benchmarks
#   tests/sim/sim*.c         likewise: the simulator
#   tests/chaos/stranger.c   a peer of another version, for chaos.py
#   tests/fuzz/fuzz_<x>.c    run over tests/fuzz/corpus/<x>/; libFuzzer's with TG_FUZZ
#   every header             compiled alone, twice over
#   tests/install/           installs, and builds a program outside
#   examples/*.c             executables on the public headers
#   benchmarks/*/bench_*.c   executables, built by the target `benchmarks` only
#
# Labels of a test are the folders it lies in: tests/worker/exec/test_x.c is `worker` and `exec`.

find_package(PkgConfig REQUIRED)
pkg_check_modules(TG_CMOCKA REQUIRED IMPORTED_TARGET cmocka)

set(TG_TEST_ENVIRONMENT
    "ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:strict_string_checks=1:detect_stack_use_after_return=1"
    "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp")

# What every executable for tests and measurements has in common.
function(tg_internal_executable target source)
    get_filename_component(name ${source} NAME_WE)
    get_filename_component(folder ${source} DIRECTORY)
    add_executable(${target} ${source})
    target_link_libraries(${target} PRIVATE tilegraph_testing Threads::Threads m)
    target_compile_definitions(${target} PRIVATE ${TG_ISA_DEFINITIONS}
                               TG_TESTS_DIR="${PROJECT_SOURCE_DIR}/tests")
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name}
                          RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${folder})
endfunction()

# The tool as a wheel has it, linked statically with all layers: no two may have one name.
add_executable(tests.cli.static ${TG_cli_SOURCES})
target_include_directories(tests.cli.static PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(tests.cli.static PRIVATE tilegraph_testing Threads::Threads m)
set_target_properties(tests.cli.static PROPERTIES OUTPUT_NAME tg_static
                      RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/cli)
add_test(NAME cli/static COMMAND tests.cli.static --version)

# --- cmocka -------------------------------------------------------------------------------------

file(GLOB support CONFIGURE_DEPENDS tests/support/*.c tests/sim/sim*.c)
list(FILTER support EXCLUDE REGEX "/fuzz_driver\\.c$")
if(support)
    add_library(tg_test_support STATIC ${support})
    target_link_libraries(tg_test_support PUBLIC tilegraph_testing PkgConfig::TG_CMOCKA m)
endif()

file(GLOB_RECURSE tests RELATIVE ${PROJECT_SOURCE_DIR}/tests CONFIGURE_DEPENDS tests/test_*.c)
foreach(source IN LISTS tests)
    string(REGEX REPLACE "\\.c$" "" name ${source})
    string(REPLACE "/" "." target "tests.${name}")
    tg_internal_executable(${target} tests/${source})
    if(support)
        target_link_libraries(${target} PRIVATE tg_test_support)
    endif()
    target_link_libraries(${target} PRIVATE PkgConfig::TG_CMOCKA)

    get_filename_component(labels ${source} DIRECTORY)
    string(REPLACE "/" ";" labels "${labels}")
    # A folder of its own, in which a test may leave what it likes.
    set(scratch ${PROJECT_BINARY_DIR}/tests/scratch/${name})
    file(MAKE_DIRECTORY ${scratch})
    add_test(NAME ${name} COMMAND ${target} WORKING_DIRECTORY ${scratch})
    set_tests_properties(${name} PROPERTIES TIMEOUT 120 LABELS "${labels}"
                         ENVIRONMENT "${TG_TEST_ENVIRONMENT}")
endforeach()

# Libraries of user functions, for tests/worker/child/test_plugin.c.
foreach(plugin example_plugin other_abi_plugin)
    add_library(${plugin} MODULE tests/worker/child/example_plugin.c)
    target_include_directories(${plugin} PRIVATE ${PROJECT_SOURCE_DIR}/include)
    set_target_properties(${plugin} PROPERTIES PREFIX "" SUFFIX ".so"
                          LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/worker/child)
    add_dependencies(tests.worker.child.test_plugin ${plugin})
endforeach()
target_compile_definitions(other_abi_plugin PRIVATE TG_TEST_OTHER_ABI)

# What tests/chaos/*.py run beside the daemons.
tg_internal_executable(tests.chaos.stranger tests/chaos/stranger.c)

# --- fuzzers ------------------------------------------------------------------------------------

file(GLOB fuzzers RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
foreach(source IN LISTS fuzzers)
    get_filename_component(target ${source} NAME_WE)
    string(REGEX REPLACE "^fuzz_" "" corpus ${target})
    tg_internal_executable(${target} ${source})
    # The entry point has no header; libFuzzer declares it for itself.
    target_compile_options(${target} PRIVATE -Wno-missing-prototypes)
    if(TG_FUZZ)
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
        set(arguments -runs=0)
    else()
        target_sources(${target} PRIVATE tests/support/fuzz_driver.c)
        set(arguments "")
    endif()
    add_test(NAME fuzz/${target}
             COMMAND ${target} ${arguments} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${corpus})
    set_tests_properties(fuzz/${target} PROPERTIES TIMEOUT 120 LABELS fuzz
                         ENVIRONMENT "${TG_TEST_ENVIRONMENT}")
endforeach()

# --- headers stand alone ------------------------------------------------------------------------

# Each is included twice, which also tries its guard. Public ones see no folder but include/.
function(tg_check_headers target)
    set(sources "")
    foreach(header IN LISTS ARGN)
        set(source ${PROJECT_BINARY_DIR}/headers/${header}.c)
        string(REGEX REPLACE "^include/" "" spelled ${header})
        file(CONFIGURE OUTPUT ${source} CONTENT
             "#include \"${spelled}\"\n#include \"${spelled}\"\nextern int tg_header_seen;\n")
        list(APPEND sources ${source})
    endforeach()
    if(sources)
        add_library(${target} OBJECT ${sources})
        target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/include)
    endif()
endfunction()

file(GLOB_RECURSE public_headers RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS include/*.h)
tg_check_headers(tg_public_headers ${public_headers})

set(patterns "")
foreach(layer core ops io scheduler worker tests/support)
    list(APPEND patterns ${layer}/*.h)
endforeach()
file(GLOB_RECURSE internal_headers RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS ${patterns})
list(FILTER internal_headers EXCLUDE REGEX "\\.tmpl\\.h$")
tg_check_headers(tg_internal_headers ${internal_headers})
if(TARGET tg_internal_headers)
    target_include_directories(tg_internal_headers PRIVATE ${PROJECT_SOURCE_DIR})
    target_compile_definitions(tg_internal_headers PRIVATE ${TG_ISA_DEFINITIONS})
    target_link_libraries(tg_internal_headers PRIVATE tg::jemalloc tg::msgpack tg::cblas tg::uv
                          PkgConfig::TG_CMOCKA)
endif()

# --- the tree itself, and the installed library -------------------------------------------------

find_package(Python3 3.10 COMPONENTS Interpreter)
if(Python3_FOUND)
    add_test(NAME tidy COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/tidy.py)
    set_tests_properties(tidy PROPERTIES TIMEOUT 60 LABELS tidy)
endif()

if(NOT TG_SANITIZE AND NOT TG_FUZZ) # a program outside has no sanitizer's runtime
    add_test(NAME install/consumer
             COMMAND ${CMAKE_COMMAND}
                     -DBUILD_DIR=${PROJECT_BINARY_DIR} -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
                     -DC_COMPILER=${CMAKE_C_COMPILER} -DGENERATOR=${CMAKE_GENERATOR}
                     -DVERSION=${PROJECT_VERSION} -DLIBDIR=${CMAKE_INSTALL_LIBDIR}
                     -DPKG_CONFIG=${PKG_CONFIG_EXECUTABLE} -DNM=${CMAKE_NM}
                     -P ${PROJECT_SOURCE_DIR}/tests/install/run.cmake)
    set_tests_properties(install/consumer PROPERTIES TIMEOUT 120 LABELS install)
endif()

# --- examples and measurements ------------------------------------------------------------------

file(GLOB examples RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS examples/*.c)
foreach(source IN LISTS examples)
    get_filename_component(name ${source} NAME_WE)
    add_executable(example_${name} ${source})
    target_link_libraries(example_${name} PRIVATE tilegraph m)
    set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name}
                          RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
endforeach()

add_custom_target(benchmarks)
file(GLOB_RECURSE measurements RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS
     benchmarks/bench_*.c)
foreach(source IN LISTS measurements)
    get_filename_component(target ${source} NAME_WE)
    tg_internal_executable(${target} ${source})
    target_link_libraries(${target} PRIVATE tg_test_support)
    set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL ON)
    add_dependencies(benchmarks ${target})
endforeach()
