drover_e2e(judge 240)
