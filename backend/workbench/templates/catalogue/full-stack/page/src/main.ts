const list = document.querySelector<HTMLUListElement>('#notes')!
const form = document.querySelector<HTMLFormElement>('#add')!
const button = form.querySelector('button')!

type Note = { id: number; text: string }

async function show() {
  const notes: Note[] = await (await fetch('/api/notes')).json()
  list.replaceChildren(
    ...notes.map((note) => {
      const item = document.createElement('li')
      item.textContent = note.text
      return item
    }),
  )
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const text = String(new FormData(form).get('text'))
  const answer = await fetch('/api/notes', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ text }),
  })
  if (answer.ok) form.reset()
  await show()
})

button.disabled = false // before this the browser would send the form itself
show()
