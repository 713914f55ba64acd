# SPDX-License-Identifier: BSD-3-Clause
#
# Third-party libraries, each as a target tg::<name> that the one layer that may use it links to.
# A new one: a line here, a name in tools/setup.sh, a fence in tools/tidy.py.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# An OPTIONAL one defines TG_HAVE_<NAME>=1 where it is found.
function(tg_dependency name)
    cmake_parse_arguments(ARG "OPTIONAL" "" "PKG" ${ARGN})
    add_library(tg::${name} INTERFACE IMPORTED GLOBAL)
    # Names differ between distributions: the first that is known is taken.
    foreach(pkg IN LISTS ARG_PKG)
        pkg_check_modules(TG_DEP_${name} QUIET IMPORTED_TARGET ${pkg})
        if(TG_DEP_${name}_FOUND)
            target_link_libraries(tg::${name} INTERFACE PkgConfig::TG_DEP_${name})
            if(ARG_OPTIONAL)
                string(TOUPPER ${name} upper)
                target_compile_definitions(tg::${name} INTERFACE TG_HAVE_${upper}=1)
            endif()
            return()
        endif()
    endforeach()
    if(NOT ARG_OPTIONAL)
        message(FATAL_ERROR "${ARG_PKG}: not found by pkg-config; run tools/setup.sh system")
    endif()
    message(STATUS "${ARG_PKG}: not found, left out")
endfunction()

tg_dependency(msgpack PKG msgpack-c msgpack)
tg_dependency(xxhash PKG libxxhash)
tg_dependency(sleef PKG sleef)
tg_dependency(cblas PKG openblas cblas)
tg_dependency(blosc PKG blosc)
tg_dependency(zstd PKG libzstd)
tg_dependency(lz4 PKG liblz4)
tg_dependency(zlib PKG zlib)
tg_dependency(isal PKG libisal OPTIONAL) # zlib does its work, several times slower
tg_dependency(tiff PKG libtiff-4)
tg_dependency(jansson PKG jansson)
tg_dependency(png PKG libpng)
tg_dependency(uv PKG libuv)
tg_dependency(zmq PKG libzmq)

add_library(tg::threads INTERFACE IMPORTED GLOBAL)
target_link_libraries(tg::threads INTERFACE Threads::Threads)
add_library(tg::math INTERFACE IMPORTED GLOBAL)
target_link_libraries(tg::math INTERFACE m)
