drover_test(learner/ppo NEEDS learner TIMEOUT 120)
drover_test(learner/compare NEEDS learner)
drover_test(learner/warmup NEEDS learner TIMEOUT 120)
