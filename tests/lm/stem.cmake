drover_test(lm/stem NEEDS lm_model)
