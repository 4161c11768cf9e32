drover_test(lm/optim NEEDS lm_optim OpenMP::OpenMP_C)
drover_test(lm/grad NEEDS lm_kernel)
drover_test(lm/train TIMEOUT 180 NEEDS lm_model)
drover_test(lm/sft_steps TIMEOUT 120 NEEDS lm_model lm_optim)
