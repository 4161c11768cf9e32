drover_e2e(offline 240)
