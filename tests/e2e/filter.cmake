drover_e2e(filter 120)
