# A method as a run has it, from words.
drover_library(test_planned SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/learner/planned.c NEEDS learner)
drover_test(learner/group NEEDS learner)
drover_test(learner/credit_steps NEEDS test_planned)
drover_test(learner/credit NEEDS test_planned TIMEOUT 120)
drover_test(learner/shape NEEDS test_planned)
drover_test(learner/iteration NEEDS test_planned)
drover_test(learner/group_filter NEEDS learner)
drover_test(learner/fleet_keys NEEDS learner)
