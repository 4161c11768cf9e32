drover_test(rewarder/score NEEDS rewarder)
