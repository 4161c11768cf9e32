drover_e2e(models 120)
drover_e2e(unfit 120)
