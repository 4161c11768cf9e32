drover_test(learner/ppo NEEDS test_planned TIMEOUT 120)
drover_test(learner/compare NEEDS test_planned)
drover_test(learner/warmup NEEDS test_planned TIMEOUT 120)
