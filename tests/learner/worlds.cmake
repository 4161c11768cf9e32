# Sampled pairs in the worlds of ppo.cmake's bed.
add_executable(exact_direct ${CMAKE_CURRENT_SOURCE_DIR}/learner/exact_direct.c)
target_link_libraries(exact_direct PRIVATE test_bed)
target_link_options(exact_direct PRIVATE ${BED_WRAPS})
add_test(NAME long/exact_direct COMMAND exact_direct check)
set_tests_properties(long/exact_direct PROPERTIES LABELS long TIMEOUT 1200 RUN_SERIAL ON
  ENVIRONMENT "OMP_NUM_THREADS=2;OMP_WAIT_POLICY=passive")
