drover_test(learner/parity_direct NEEDS learner TIMEOUT 120)
target_compile_definitions(test_learner_parity_direct PRIVATE GOLDEN="${CMAKE_CURRENT_SOURCE_DIR}/golden/trl")
drover_test(learner/objective_direct NEEDS learner)
target_compile_definitions(test_learner_objective_direct PRIVATE GOLDEN="${CMAKE_CURRENT_SOURCE_DIR}/golden/direct_losses.json")
