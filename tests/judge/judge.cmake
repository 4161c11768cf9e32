foreach(unit actions judge rule verdict)
  drover_test(judge/${unit} NEEDS judge)
endforeach()
