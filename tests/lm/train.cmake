drover_test(lm/optim NEEDS lm_optim OpenMP::OpenMP_C)
drover_test(lm/grad NEEDS lm_kernel)
