# The engine: kernels, forward pass, generation.
drover_test(lm/forward NEEDS lm_model OpenMP::OpenMP_C TIMEOUT 240)
target_compile_definitions(test_lm_forward PRIVATE GOLDEN="${CMAKE_CURRENT_LIST_DIR}/../golden")
