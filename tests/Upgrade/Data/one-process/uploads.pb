‚
#up_01a2242d92747656895570d216cc102e	image/png“A"@b614a1274259f34e9d10a479adfa8b2622869af94e4ad5fba2d3c9e61897a757*ÀÁ²ØØ õEƒ
#up_01a2242d93fb7558bac77df611790d86	image/png÷"@6f372d17aea303f99c083b734ea7c4e0120ba717bca1a172e2a1cbd9b6f4a36c*ÀÁ²Ø¨¶Çòƒ
#up_01a2242d94027db69c50307d2329db72	image/png¸"@b24cad8fbbdc0552cc5d7317afc8ff56a8b1e40fed2ffcc71caec2d6a38b67dd*ÀÁ²Øüößö