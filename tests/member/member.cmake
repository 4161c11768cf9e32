drover_test(member/health NEEDS member)
