drover_test(learner/group NEEDS learner)
