drover_test(rewarder/opinion NEEDS rewarder)
