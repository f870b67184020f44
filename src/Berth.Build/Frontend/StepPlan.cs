using Berth.Dockerfile.Expansion;
using Berth.Dockerfile.Instructions;
using Berth.Dockerfile.Parsing;
using Berth.Model;

namespace Berth.Build.Frontend;

/// <summary>Which stages a build needs, and which number each of their steps has in what is told of it.</summary>
internal sealed class StepPlan
{
    private readonly Dictionary<int, int> firstNumbers = [];
    private readonly int firstNumber;

    private StepPlan(int firstNumber, Stage target, IReadOnlyList<Stage> stages, IReadOnlyList<Instruction> labels, int total)
    {
        Labels = labels;
        this.firstNumber = firstNumber;
        Target = target;
        Stages = stages;
        Total = total;
    }

    /// <summary>The stage that becomes the image.</summary>
    public Stage Target { get; }

    /// <summary>It and those that it needs, in the file's order.</summary>
    public IReadOnlyList<Stage> Stages { get; }

    /// <summary>Instructions for the build's own labels, which follow those of the target.</summary>
    public IReadOnlyList<Instruction> Labels { get; }

    /// <summary>What a stage does.</summary>
    public IEnumerable<Instruction> InstructionsOf(Stage stage) => stage.Index == Target.Index ? stage.Instructions.Concat(Labels) : stage.Instructions;

    /// <summary>How many steps they have, the file's global ARGs included.</summary>
    public int Total { get; }

    /// <summary>Finds out.</summary>
    /// <exception cref="EngineException">InvalidArgument in docker's words: there is no such stage.</exception>
    public static StepPlan Make(GlobalScope global, string target, IReadOnlyDictionary<string, string> labels)
    {
        ParsedDockerfile file = global.File;
        Stage wanted = target.Length == 0 ? file.Stages[^1]
            : file.FindStage(target) ?? throw new EngineException(ErrorKind.InvalidArgument, $"failed to reach build target {PrintableText.Of(target)} in Dockerfile");
        SortedDictionary<int, Stage> needed = [];
        Stack<Stage> open = new([wanted]);
        while (open.TryPop(out Stage? stage))
        {
            if (needed.TryAdd(stage.Index, stage))
            {
                foreach (Stage input in InputsOf(global, stage))
                {
                    open.Push(input);
                }
            }
        }

        List<Instruction> own = [.. labels.OrderBy(static label => label.Key, StringComparer.Ordinal).Select(static label => MakeLabel(label.Key, label.Value))];
        int total = file.GlobalArgs.Count + needed.Values.Sum(static stage => 1 + stage.Instructions.Count) + own.Count;
        StepPlan plan = new(file.GlobalArgs.Count + 1, wanted, [.. needed.Values], own, total);
        int number = plan.firstNumber;
        foreach (Stage stage in plan.Stages)
        {
            plan.firstNumbers[stage.Index] = number;
            number += 1 + plan.InstructionsOf(stage).Count();
        }

        return plan;
    }

    /// <summary>The number of a stage's FROM; its instructions have those that follow. For a stage that only a trigger of an image needs, the number that it would have.</summary>
    public int NumberOf(Stage stage) => firstNumbers.GetValueOrDefault(stage.Index, firstNumber);

    private static LabelInstruction MakeLabel(string name, string value)
    {
        InstructionNode node = new() { Keyword = "LABEL", Flags = [], Words = [], Original = $"LABEL {name}={value}" };
        return new LabelInstruction(node, [new KeyValue(name, value)]);
    }

    // Triggers of images may need more; those stages are begun when they are asked for.
    private static IEnumerable<Stage> InputsOf(GlobalScope global, Stage stage)
    {
        List<string?> names = [global.ExpandFrom(stage).BaseName];
        foreach (Instruction instruction in stage.Instructions)
        {
            names.Add((instruction as CopyInstruction)?.From);
            names.AddRange((instruction as RunInstruction)?.MountTexts.Select(text => RunMount.FromOf(text, instruction.Range)) ?? []);
        }

        return names.OfType<string>().Select(name => global.File.FindStage(name, stage.Index)).OfType<Stage>();
    }
}
