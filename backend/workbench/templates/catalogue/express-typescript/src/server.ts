import express, { type Request, type Response } from 'express'

const app = express()

app.get('/', (_: Request, response: Response) => {
  response.json({ hello: 'world' })
})

app.get('/health', (_: Request, response: Response) => {
  response.json({ status: 'ok' })
})

app.listen(Number(process.env.PORT ?? 3000), '0.0.0.0')
