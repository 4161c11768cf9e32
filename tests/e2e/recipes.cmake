drover_e2e(recipes 180)
