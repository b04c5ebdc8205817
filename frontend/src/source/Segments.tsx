// A choice of few, all in sight.
export function Segments<T extends string>({
  label,
  choices,
  value,
  onChoose,
}: {
  label: string;
  choices: readonly (readonly [value: T, title: string])[];
  value: T;
  onChoose: (value: T) => void;
}) {
  return (
    <fieldset className="segments" aria-label={label}>
      {choices.map(([one, title]) => (
        <button type="button" key={one} aria-pressed={value === one} onClick={() => onChoose(one)}>
          {title}
        </button>
      ))}
    </fieldset>
  );
}
