# SPDX-License-Identifier: BSD-3-Clause
#
# tg_find_sources(<name> <folder> [EXCLUDE <regex>])
#     TG_<name>_SOURCES = every .c below the folder whose path from the root does not match.
# tg_add_layer(<name> [STRICT] [LINK <target>...])
#     Object target tg_<name> of TG_<name>_SOURCES; none when there is no source yet.
# tg_join_layers()
#     The targets `tilegraph` (shared, installed) and `tilegraph_testing` (static) of all layers.

function(tg_find_sources name folder)
    cmake_parse_arguments(ARG "" "EXCLUDE" "" ${ARGN})
    file(GLOB_RECURSE sources RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS
         ${PROJECT_SOURCE_DIR}/${folder}/*.c)
    if(ARG_EXCLUDE)
        list(FILTER sources EXCLUDE REGEX "${ARG_EXCLUDE}")
    endif()
    set(TG_${name}_SOURCES ${sources} PARENT_SCOPE)
endfunction()

# Makes the target; the ISA variants of one file come through here too.
function(tg_add_objects target)
    cmake_parse_arguments(ARG "STRICT" "" "SOURCES;LINK" ${ARGN})
    add_library(${target} OBJECT ${ARG_SOURCES})
    # Internal includes name their file from the root: #include "core/base/status.h".
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}
                                                 ${PROJECT_SOURCE_DIR}/include)
    target_compile_definitions(${target} PRIVATE TG_BUILDING_LIBRARY=1)
    target_link_libraries(${target} PRIVATE ${ARG_LINK})
    if(ARG_STRICT)
        target_compile_options(${target} PRIVATE ${TG_STRICT_OPTIONS})
    endif()
    set_property(GLOBAL APPEND PROPERTY TG_OBJECT_TARGETS ${target})
endfunction()

function(tg_add_layer name)
    cmake_parse_arguments(ARG "STRICT" "" "LINK" ${ARGN})
    if(NOT TG_${name}_SOURCES)
        return()
    endif()
    set(strict "")
    if(ARG_STRICT)
        set(strict STRICT)
    endif()
    tg_add_objects(tg_${name} ${strict} SOURCES ${TG_${name}_SOURCES} LINK ${ARG_LINK})
endfunction()

function(tg_join_layers)
    get_property(objects GLOBAL PROPERTY TG_OBJECT_TARGETS)

    add_library(tilegraph SHARED)
    add_library(tilegraph::tilegraph ALIAS tilegraph)
    target_link_libraries(tilegraph PRIVATE ${objects})
    target_link_options(tilegraph PRIVATE ${TG_SHARED_LINK_OPTIONS})
    target_include_directories(tilegraph INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    set_target_properties(tilegraph PROPERTIES SOVERSION ${TG_SOVERSION} LINKER_LANGUAGE C)
    if(NOT SKBUILD)
        # A wheel cannot hold symbolic links: there the file is the soname, and no more.
        set_target_properties(tilegraph PROPERTIES VERSION ${PROJECT_VERSION})
    endif()

    add_library(tilegraph_testing STATIC EXCLUDE_FROM_ALL)
    target_link_libraries(tilegraph_testing PUBLIC ${objects})
    target_include_directories(tilegraph_testing PUBLIC ${PROJECT_SOURCE_DIR}
                                                        ${PROJECT_SOURCE_DIR}/include)
    set_target_properties(tilegraph_testing PROPERTIES LINKER_LANGUAGE C)
endfunction()
