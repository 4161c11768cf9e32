# drover_fuzz(gguf SEEDS golden/model/llama.gguf NEEDS lm_file) builds tests/fuzz/fuzz_gguf.c.
# With clang it is a libFuzzer target; else, and in ctest, tests/fuzz/fuzz.c drives it for
# $DROVER_FUZZ_SECONDS (3).
include_guard(GLOBAL)
set(DROVER_FUZZ ${CMAKE_CURRENT_LIST_DIR})
option(DROVER_LIBFUZZER "build tests/fuzz with clang's libFuzzer" OFF)
function(drover_fuzz name)
  cmake_parse_arguments(arg "" "" "SEEDS;NEEDS" ${ARGN})
  list(TRANSFORM arg_SEEDS PREPEND ${DROVER_FUZZ}/../)
  add_executable(fuzz_${name} ${DROVER_FUZZ}/fuzz_${name}.c)
  target_link_libraries(fuzz_${name} PRIVATE ${arg_NEEDS})
  if(DROVER_LIBFUZZER)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    return()
  endif()
  target_sources(fuzz_${name} PRIVATE ${DROVER_FUZZ}/fuzz.c)
  add_test(NAME fuzz/${name} COMMAND fuzz_${name} ${arg_SEEDS})
  set_tests_properties(fuzz/${name} PROPERTIES TIMEOUT 120 LABELS "unit;fuzz")
endfunction()
