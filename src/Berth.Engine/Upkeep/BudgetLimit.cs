using System.Globalization;
using Berth.Model;

namespace Berth.Engine.Upkeep;

/// <summary>How much the data root may take: bytes, or a part of its file system.</summary>
/// <param name="Bytes">0 where it is a part.</param>
/// <param name="Percent">0 where it is bytes.</param>
public sealed record BudgetLimit(long Bytes, int Percent)
{
    /// <summary>Reads <c>20GB</c>, <c>512MiB</c> (units of 1,000 and 1,024; without the B as well), a number of bytes, or <c>60%</c>.</summary>
    /// <exception cref="EngineException">InvalidArgument.</exception>
    public static BudgetLimit Parse(string text)
    {
        string digits = text.TrimEnd('%', 'B', 'b', 'i', 'k', 'K', 'm', 'M', 'g', 'G', 't', 'T');
        string unit = text[digits.Length..];
        if (!decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number) || number <= 0)
        {
            throw Invalid(text);
        }

        if (unit == "%")
        {
            return number is >= 1 and <= 100 && decimal.IsInteger(number) ? new BudgetLimit(0, (int)number) : throw Invalid(text);
        }

        decimal factor = unit.ToUpperInvariant() switch
        {
            "" or "B" => 1,
            "K" or "KB" => 1e3m,
            "M" or "MB" => 1e6m,
            "G" or "GB" => 1e9m,
            "T" or "TB" => 1e12m,
            "KI" or "KIB" => 1L << 10,
            "MI" or "MIB" => 1L << 20,
            "GI" or "GIB" => 1L << 30,
            "TI" or "TIB" => 1L << 40,
            _ => throw Invalid(text),
        };
        return number < 1_000_000 || factor == 1 ? new BudgetLimit((long)Math.Min(number * factor, long.MaxValue / 2), 0) : throw Invalid(text);
    }

    /// <summary>The bytes that it comes to for a folder.</summary>
    public long Of(string folder) => Percent == 0 ? Bytes : (long)(new DriveInfo(folder).TotalSize * (Percent / 100m));

    private static EngineException Invalid(string text) =>
        new(ErrorKind.InvalidArgument, $"invalid storage budget \"{text}\": wanted a size such as 20GB or 512MiB, or a part of the file system such as 60%");
}
