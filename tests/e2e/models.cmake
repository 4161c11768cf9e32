drover_e2e(models 120)
