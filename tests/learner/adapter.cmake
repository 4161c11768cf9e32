drover_test(learner/adapter NEEDS learner)
drover_test(learner/trainable NEEDS learner)
