drover_e2e(lora 120)
