drover_test(learner/ppo NEEDS learner TIMEOUT 120)
