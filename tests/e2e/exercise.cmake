drover_e2e(exercise 60)
