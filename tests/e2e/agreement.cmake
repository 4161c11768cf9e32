drover_e2e(agreement 30)
