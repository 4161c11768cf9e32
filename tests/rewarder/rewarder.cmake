drover_test(rewarder/opinion NEEDS rewarder)
drover_test(rewarder/process NEEDS rewarder)
target_compile_definitions(test_rewarder_process PRIVATE GOLDEN="${CMAKE_CURRENT_SOURCE_DIR}/golden/prm")
drover_test(rewarder/score NEEDS rewarder)
