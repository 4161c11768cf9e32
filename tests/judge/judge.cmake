foreach(unit actions judge number rule verdict)
  drover_test(judge/${unit} NEEDS judge)
endforeach()
