# SPDX-License-Identifier: BSD-3-Clause
#
# Installs into an empty prefix and looks from outside: the files are there, the library exports
# public names only, and a small program builds and runs by find_package and by pkg-config.
# Called by ctest with BUILD_DIR SOURCE_DIR C_COMPILER GENERATOR VERSION LIBDIR PKG_CONFIG NM.
cmake_minimum_required(VERSION 3.22)

set(work ${BUILD_DIR}/tests/install)
set(prefix ${work}/prefix)
set(consumer ${SOURCE_DIR}/tests/install/consumer)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})

# Runs a command; its output is shown only if it fails, and else left in OUTPUT.
function(run)
    execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${work} RESULT_VARIABLE code
                    OUTPUT_VARIABLE out ERROR_VARIABLE err)
    if(NOT code EQUAL 0)
        list(JOIN ARGN " " line)
        message(FATAL_ERROR "${line}\nended with ${code}:\n${out}${err}")
    endif()
    string(STRIP "${out}" out)
    set(OUTPUT "${out}" PARENT_SCOPE)
endfunction()

function(expect what got wanted)
    if(NOT got STREQUAL wanted)
        message(FATAL_ERROR "${what}: '${got}', not '${wanted}'")
    endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix})

# --- every public header, and nothing else ------------------------------------------------------
file(GLOB_RECURSE wanted RELATIVE ${SOURCE_DIR}/include ${SOURCE_DIR}/include/*.h)
file(GLOB_RECURSE got RELATIVE ${prefix}/include ${prefix}/include/*)
expect("installed headers" "${got}" "${wanted}")

# --- only public names are exported -------------------------------------------------------------
file(GLOB library ${prefix}/${LIBDIR}/libtilegraph.so)
if(library AND NM)
    run(${NM} -D --defined-only --format=posix ${library})
    string(REPLACE "\n" ";" lines "${OUTPUT}")
    foreach(line IN LISTS lines)
        if(NOT line MATCHES "^tg_[a-z]")
            message(FATAL_ERROR "libtilegraph exports a name that is not public: ${line}")
        endif()
    endforeach()
endif()

# --- find_package -------------------------------------------------------------------------------
run(${CMAKE_COMMAND} -S ${consumer} -B ${work}/by-cmake -G ${GENERATOR}
    -DCMAKE_C_COMPILER=${C_COMPILER} -DCMAKE_PREFIX_PATH=${prefix} -DWANTED_VERSION=${VERSION})
run(${CMAKE_COMMAND} --build ${work}/by-cmake)
run(${work}/by-cmake/consumer)
expect("version by find_package" "${OUTPUT}" "${VERSION}")

# --- pkg-config ---------------------------------------------------------------------------------
set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
run(${PKG_CONFIG} --modversion tilegraph)
expect("version in tilegraph.pc" "${OUTPUT}" "${VERSION}")
run(${PKG_CONFIG} --cflags --libs tilegraph)
separate_arguments(flags UNIX_COMMAND "${OUTPUT}")
run(${C_COMPILER} -std=c11 -pedantic-errors -Wall -Werror ${consumer}/main.c ${flags}
    -Wl,-rpath,${prefix}/${LIBDIR} -o ${work}/by-pkg-config)
run(${work}/by-pkg-config)
expect("version by pkg-config" "${OUTPUT}" "${VERSION}")

# --- manual pages and units ---------------------------------------------------------------------
foreach(file share/man/man1/tg.1 share/man/man1/tgscheduler.1 share/man/man1/tgworker.1
             lib/systemd/system/tgscheduler.service lib/systemd/system/tgworker@.service)
    if(NOT EXISTS ${prefix}/${file})
        message(FATAL_ERROR "${file} is not installed")
    endif()
endforeach()

# --- the tool finds its library -----------------------------------------------------------------
if(EXISTS ${prefix}/bin/tg)
    run(${prefix}/bin/tg --version)
    if(NOT OUTPUT MATCHES "${VERSION}")
        message(FATAL_ERROR "tg --version does not say ${VERSION}: ${OUTPUT}")
    endif()
endif()
