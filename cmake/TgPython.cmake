# SPDX-License-Identifier: BSD-3-Clause
#
# The extension module tilegraph._native: python/build_cffi.py writes _native.c from the public
# headers, and it is compiled here, against this build's library.
#
# Development: <build>/python/tilegraph/ is a package made of symbolic links to python/tilegraph/
# with the module beside them; tools/dev_install.py puts <build>/python on the path of .venv. So
# an edited .py counts at once, and the source folder holds no binaries.
# Wheel: module and library go into the package's folder and find each other by $ORIGIN.

set(TG_CFFI_SCRIPT ${PROJECT_SOURCE_DIR}/python/build_cffi.py)
# A glob, so that the build looks again once the script exists.
file(GLOB script CONFIGURE_DEPENDS python/build_cffi.py)
if(NOT script)
    message(STATUS "Python: no python/build_cffi.py, so no tilegraph._native is built")
    return()
endif()

find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module)
set(package ${PROJECT_BINARY_DIR}/python/tilegraph)
set(generated ${PROJECT_BINARY_DIR}/python/generated)
file(MAKE_DIRECTORY ${package} ${generated})

file(GLOB public_headers CONFIGURE_DEPENDS include/tilegraph/*.h)
file(GLOB script_inputs CONFIGURE_DEPENDS python/cffi/*)
add_custom_command(
    OUTPUT ${generated}/_native.c
    COMMAND ${CMAKE_COMMAND} -E env CC=${CMAKE_C_COMPILER}
            ${Python_EXECUTABLE} ${TG_CFFI_SCRIPT} --out ${generated}
            --include ${PROJECT_SOURCE_DIR}/include
    DEPENDS ${TG_CFFI_SCRIPT} ${script_inputs} ${public_headers}
    COMMENT "Generating _native.c from the public headers"
    VERBATIM)

# cffi keeps to the limited API: one module serves every Python 3.
Python_add_library(tg_python MODULE ${generated}/_native.c)
target_link_libraries(tg_python PRIVATE tilegraph)
target_compile_options(tg_python PRIVATE -w)
set_target_properties(tg_python PROPERTIES OUTPUT_NAME _native PREFIX "" SUFFIX .abi3.so
                      C_VISIBILITY_PRESET default LIBRARY_OUTPUT_DIRECTORY ${package})

if(SKBUILD)
    if(APPLE)
        set(origin "@loader_path")
    else()
        set(origin "$ORIGIN")
    endif()
    set_target_properties(tg_python tilegraph PROPERTIES INSTALL_RPATH ${origin})
    install(TARGETS tg_python LIBRARY DESTINATION tilegraph)
    install(TARGETS tilegraph LIBRARY DESTINATION tilegraph NAMELINK_SKIP)
    return()
endif()

# __pycache__ comes and goes, and must not make the build look like changed.
file(GLOB entries CONFIGURE_DEPENDS python/tilegraph/[!_.]* python/tilegraph/_*.py
                                    python/tilegraph/_*.pyi)
file(GLOB private_packages CONFIGURE_DEPENDS python/tilegraph/_*/__init__.py)
foreach(init IN LISTS private_packages)
    get_filename_component(folder ${init} DIRECTORY)
    list(APPEND entries ${folder})
endforeach()
file(GLOB stale ${package}/*)
foreach(link IN LISTS stale)
    if(IS_SYMLINK ${link})
        file(REMOVE ${link})
    endif()
endforeach()
foreach(entry IN LISTS entries)
    get_filename_component(name ${entry} NAME)
    file(CREATE_LINK ${entry} ${package}/${name} SYMBOLIC)
endforeach()
