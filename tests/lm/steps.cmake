drover_test(lm/steps NEEDS lm)
