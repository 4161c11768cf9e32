drover_test(learner/adapter NEEDS learner)
drover_test(learner/step NEEDS learner)
