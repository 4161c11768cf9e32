drover_test(member/health NEEDS member)
drover_test(member/entry NEEDS member)
