drover_test(lm/prefix TIMEOUT 300 NEEDS lm_model)
