drover_test(rewarder/rule NEEDS rewarder)
