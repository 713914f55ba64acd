# SPDX-License-Identifier: BSD-3-Clause
#
# Instruction-set variants. Each file <folder>/**/*.isa.c is compiled once per level, as an object
# of its own, with TG_ISA set to the bare word `base`, `avx2` or `avx512`: the file pastes it into
# its external names and overrides its slots of the kernel table. TG_HAVE_ISA_AVX2 and
# TG_HAVE_ISA_AVX512 tell all of ops (and the tests) which variants exist; whether the machine has
# the instructions is asked once, at run time.
#
# An .isa.c may include only headers whose functions are `static`: a shared inline function that
# was compiled for avx512 could be the copy that the linker keeps for all.
include(CheckCCompilerFlag)

set(TG_ISA_LEVELS base)
set(TG_ISA_FLAGS_base "")
set(TG_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c -mbmi2)
set(TG_ISA_FLAGS_avx512 -march=x86-64-v4 -mprefer-vector-width=512)
if(TG_X86_64)
    foreach(level avx2 avx512)
        string(REPLACE ";" " " flags "${TG_ISA_FLAGS_${level}}")
        check_c_compiler_flag("${flags}" TG_COMPILER_HAS_${level})
        if(TG_COMPILER_HAS_${level})
            list(APPEND TG_ISA_LEVELS ${level})
        endif()
    endforeach()
endif()

set(TG_ISA_DEFINITIONS "")
foreach(level IN LISTS TG_ISA_LEVELS)
    if(NOT level STREQUAL "base")
        string(TOUPPER ${level} upper)
        list(APPEND TG_ISA_DEFINITIONS TG_HAVE_ISA_${upper}=1)
    endif()
endforeach()

function(tg_add_isa_variants folder)
    if(TARGET tg_ops)
        target_compile_definitions(tg_ops PRIVATE ${TG_ISA_DEFINITIONS})
    endif()
    file(GLOB_RECURSE sources RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS
         ${PROJECT_SOURCE_DIR}/${folder}/*.isa.c)
    if(NOT sources)
        return()
    endif()
    foreach(level IN LISTS TG_ISA_LEVELS)
        tg_add_objects(tg_isa_${level} STRICT SOURCES ${sources} LINK tg::sleef tg::math)
        target_compile_definitions(tg_isa_${level} PRIVATE TG_ISA=${level} ${TG_ISA_DEFINITIONS})
        target_compile_options(tg_isa_${level} PRIVATE ${TG_ISA_FLAGS_${level}})
    endforeach()
endfunction()
