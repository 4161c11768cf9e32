drover_test(lm/optim NEEDS lm_optim OpenMP::OpenMP_C)
