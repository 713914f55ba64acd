# SPDX-License-Identifier: BSD-3-Clause
#
# The command-line tool, and what `cmake --install` installs: headers, library, pkg-config file,
# CMake package and tool.
include(CMakePackageConfigHelpers)

# With the shared library, `tg` reaches what is public. ON gives it everything, and an executable
# that stands alone: what a wheel needs, whose scripts do not know where its libraries will lie.
if(SKBUILD)
    set(TG_CLI_STATIC_DEFAULT ON)
else()
    set(TG_CLI_STATIC_DEFAULT OFF)
endif()
option(TG_CLI_STATIC "Link the tool `tg` statically with the library" ${TG_CLI_STATIC_DEFAULT})

# A program that finds the library beside it.
function(tg_add_program name static)
    add_executable(${name} ${ARGN})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE $<IF:$<BOOL:${static}>,tilegraph_testing,tilegraph>)
    if(APPLE)
        set_target_properties(${name} PROPERTIES INSTALL_RPATH
                              "@loader_path/../${CMAKE_INSTALL_LIBDIR}")
    else()
        set_target_properties(${name} PROPERTIES INSTALL_RPATH
                              "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
    endif()
endfunction()

# The daemons need what is not public.
set(TG_DAEMON_SOURCES worker/cli/command.c worker/cli/daemon.c worker/cli/man.c)
tg_add_program(tg ${TG_CLI_STATIC} ${TG_cli_SOURCES})
tg_add_program(tgscheduler ON worker/cli/tgscheduler.c ${TG_DAEMON_SOURCES})
tg_add_program(tgworker ON worker/cli/tgworker.c worker/cli/lifeline.c worker/cli/python_check.c
               ${TG_DAEMON_SOURCES})
set(TG_PROGRAMS tg tgscheduler tgworker)

if(SKBUILD)
    install(TARGETS ${TG_PROGRAMS} RUNTIME DESTINATION ${SKBUILD_SCRIPTS_DIR})
    return() # TgPython.cmake installs what a wheel holds
endif()

set(TG_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/tilegraph)
install(DIRECTORY include/tilegraph DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
install(TARGETS tilegraph EXPORT tilegraph-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS ${TG_PROGRAMS} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# Each program writes its own manual page, from what --help is made of.
set(TG_MAN_PAGES "")
foreach(program IN LISTS TG_PROGRAMS)
    set(page ${PROJECT_BINARY_DIR}/man/${program}.1)
    add_custom_command(OUTPUT ${page} COMMAND ${program} --man > ${page} DEPENDS ${program})
    list(APPEND TG_MAN_PAGES ${page})
endforeach()
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/man)
add_custom_target(man ALL DEPENDS ${TG_MAN_PAGES})
install(FILES ${TG_MAN_PAGES} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

# systemd looks there, whatever the folder of libraries is called.
foreach(unit tgscheduler.service tgworker@.service)
    configure_file(packaging/${unit}.in ${PROJECT_BINARY_DIR}/packaging/${unit} @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/packaging/${unit} DESTINATION lib/systemd/system)
endforeach()

install(EXPORT tilegraph-targets NAMESPACE tilegraph:: DESTINATION ${TG_PACKAGE_DIR})

configure_package_config_file(cmake/tilegraph-config.cmake.in
    ${PROJECT_BINARY_DIR}/tilegraph-config.cmake INSTALL_DESTINATION ${TG_PACKAGE_DIR})
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tilegraph-config-version.cmake
    VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tilegraph-config.cmake
              ${PROJECT_BINARY_DIR}/tilegraph-config-version.cmake
        DESTINATION ${TG_PACKAGE_DIR})

file(RELATIVE_PATH TG_PC_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
configure_file(cmake/tilegraph.pc.in ${PROJECT_BINARY_DIR}/tilegraph.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/tilegraph.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES LICENSE licenses/jemalloc.txt
        DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/tilegraph)
