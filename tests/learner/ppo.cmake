drover_test(learner/advantage NEEDS learner)
drover_test(learner/kl NEEDS learner)
drover_test(learner/objective_ppo NEEDS learner)
drover_test(learner/journal NEEDS learner)

# The exact optimum, in the release build: one seed of each world and every seeded bug.
# `exact seeds 0 5` is the long form.
drover_library(test_bed SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/learner/toy_world.c
  ${CMAKE_CURRENT_SOURCE_DIR}/learner/tally.c NEEDS test_planned OpenMP::OpenMP_C)
set(TOY_WRAPS -Wl,--wrap=kl_estimate -Wl,--wrap=advantage_whiten)
add_executable(exact ${CMAKE_CURRENT_SOURCE_DIR}/learner/exact.c)
target_link_libraries(exact PRIVATE test_bed)
target_link_options(exact PRIVATE ${TOY_WRAPS})
add_test(NAME learner/exact COMMAND exact check)
# One seed of each world that computes in bfloat16.
add_test(NAME long/exact_bf16 COMMAND exact seeds 0 1)
set_tests_properties(long/exact_bf16 PROPERTIES LABELS long TIMEOUT 1200 RUN_SERIAL ON
  ENVIRONMENT "DROVER_TOY_COMPUTE=bfloat16;OMP_WAIT_POLICY=passive")
set_tests_properties(learner/exact PROPERTIES LABELS e2e TIMEOUT 1200 COST 2000
  ENVIRONMENT "OMP_NUM_THREADS=2;OMP_WAIT_POLICY=passive")

# The same worlds for the four real processes; tests/e2e/exact_fleet.py runs them.
add_executable(exact_fleet ${CMAKE_CURRENT_SOURCE_DIR}/learner/exact_fleet.c)
target_link_libraries(exact_fleet PRIVATE test_bed member)
target_link_options(exact_fleet PRIVATE ${TOY_WRAPS})
set_target_properties(exact_fleet PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
