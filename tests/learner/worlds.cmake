# Sampled pairs in the worlds of ppo.cmake.
add_executable(exact_direct ${CMAKE_CURRENT_SOURCE_DIR}/learner/exact_direct.c)
target_link_libraries(exact_direct PRIVATE test_bed)
target_link_options(exact_direct PRIVATE ${TOY_WRAPS})
add_test(NAME long/exact_direct COMMAND exact_direct check)
set_tests_properties(long/exact_direct PROPERTIES LABELS long TIMEOUT 1200 RUN_SERIAL ON
  ENVIRONMENT "OMP_NUM_THREADS=2;OMP_WAIT_POLICY=passive")
# The exact optima of every method over the fleet: minutes, so by hand and nightly.
# After ppo.cmake, whose TOY_WRAPS the toy world needs.
add_executable(exact_methods ${CMAKE_CURRENT_SOURCE_DIR}/learner/exact_methods.c
  ${CMAKE_CURRENT_SOURCE_DIR}/learner/toy_run.c)
target_link_libraries(exact_methods PRIVATE test_bed)
target_link_options(exact_methods PRIVATE ${TOY_WRAPS})
add_test(NAME learner/exact_methods COMMAND exact_methods)
set_tests_properties(learner/exact_methods PROPERTIES LABELS long TIMEOUT 1800 RUN_SERIAL ON
  ENVIRONMENT "OMP_NUM_THREADS=1;OMP_WAIT_POLICY=passive")

# XPO and Nash-MD, whose optima depend on an opponent.
add_executable(exact_online ${CMAKE_CURRENT_SOURCE_DIR}/learner/exact_online.c
  ${CMAKE_CURRENT_SOURCE_DIR}/learner/toy_run.c)
target_link_libraries(exact_online PRIVATE test_bed)
target_link_options(exact_online PRIVATE ${TOY_WRAPS})
add_test(NAME learner/exact_online COMMAND exact_online)
set_tests_properties(learner/exact_online PROPERTIES LABELS long TIMEOUT 1800 RUN_SERIAL ON
  ENVIRONMENT "OMP_NUM_THREADS=1;OMP_WAIT_POLICY=passive")
