foreach(unit actions judge number rule verdict)
  drover_test(reward/${unit} NEEDS reward)
endforeach()
