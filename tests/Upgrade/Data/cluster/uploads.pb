‚
#up_01a2242e85127e3f8743981c8ba0c5c1	image/png“A"@b614a1274259f34e9d10a479adfa8b2622869af94e4ad5fba2d3c9e61897a757*þÁ²ØôÊÏqƒ
#up_01a2242e85447ce983fc070d557252e6	image/png÷"@6f372d17aea303f99c083b734ea7c4e0120ba717bca1a172e2a1cbd9b6f4a36c*þÁ²ØÜŒ¥„ƒ
#up_01a2242e85487809977dbc727caa92e3	image/png¸"@b24cad8fbbdc0552cc5d7317afc8ff56a8b1e40fed2ffcc71caec2d6a38b67dd*þÁ²Ø˜‘þ…