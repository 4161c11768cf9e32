# The engine: kernels, forward pass, generation.
drover_test(lm/kernel NEEDS lm_kernel OpenMP::OpenMP_C TIMEOUT 120)
drover_test(lm/kernel_bf16 NEEDS lm_kernel OpenMP::OpenMP_C m TIMEOUT 120)
drover_test(lm/lengths NEEDS lm_kernel OpenMP::OpenMP_C m)
drover_test(lm/params NEEDS lm_model)
drover_test(lm/kinds NEEDS lm_file OpenMP::OpenMP_C)
drover_test(lm/forward NEEDS lm_model OpenMP::OpenMP_C TIMEOUT 600)
drover_test(lm/golden NEEDS lm_model OpenMP::OpenMP_C m)
drover_test(lm/sample NEEDS lm_gen)
drover_test(lm/generate NEEDS lm_gen TIMEOUT 120)
foreach(unit forward generate kinds)
  target_compile_definitions(test_lm_${unit}
    PRIVATE GOLDEN="${CMAKE_CURRENT_LIST_DIR}/../golden")
endforeach()
