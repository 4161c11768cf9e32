drover_test(lm/prefix NEEDS lm_model)
