drover_test(learner/adapter NEEDS learner)
