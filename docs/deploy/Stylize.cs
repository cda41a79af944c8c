// Repaints one picture with a style file: Stylize MODEL IN.ppm OUT.ppm [STRENGTH [STYLE]]
// Binary PPM needs no image library; ImageSharp, SkiaSharp or System.Drawing read all others.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;

static class Stylize
{
    const int MinSide = 64;  // px; a style file takes every height and width from here up

    static int Main(string[] arguments)
    {
        if (arguments.Length < 3 || arguments.Length > 5)
        {
            Console.Error.WriteLine("usage: Stylize MODEL IN.ppm OUT.ppm [STRENGTH [STYLE]]");
            return 2;
        }
        try
        {
            using (var session = new InferenceSession(arguments[0]))  // once is enough, for pictures of any size
            {
                var metadata = session.ModelMetadata.CustomMetadataMap;
                if (!metadata.TryGetValue("format", out var format) || format != "fast_nst/1")
                    throw new InvalidDataException(arguments[0] + " is not a style file");
                var content = ReadPpm(arguments[1], out var height, out var width);
                var controls = Choose(session, arguments.ElementAtOrDefault(3), arguments.ElementAtOrDefault(4));
                WritePpm(arguments[2], Repaint(session, content, height, width, controls), height, width);
                Console.WriteLine(metadata.TryGetValue("title", out var title) ? title : "");
            }
            return 0;
        }
        catch (Exception error)
        {
            Console.Error.WriteLine("stylize: " + error.Message);
            return 2;
        }
    }

    /// <summary>What the file wants beside a photograph: strength 1 and the first style, if not told.</summary>
    /// <remarks>Names and range are in JSON; two patterns find them without a library.</remarks>
    static Dictionary<string, float[]> Choose(InferenceSession session, string strength, string style)
    {
        var controls = new Dictionary<string, float[]>();
        var metadata = session.ModelMetadata.CustomMetadataMap;
        metadata.TryGetValue("inputs", out var inputs);
        metadata.TryGetValue("styles", out var styles);
        float least = 1, most = 1, chosen = 1;
        if (session.InputMetadata.ContainsKey("strength"))
        {
            var range = Regex.Match(inputs, @"""range"": \[(.+?), (.+?)\]").Groups;
            least = float.Parse(range[1].Value, CultureInfo.InvariantCulture);
            most = float.Parse(range[2].Value, CultureInfo.InvariantCulture);
        }
        if (!string.IsNullOrEmpty(strength)
            && !float.TryParse(strength, NumberStyles.Float, CultureInfo.InvariantCulture, out chosen))
            chosen = float.NaN;
        if (!(chosen >= least && chosen <= most))
            throw new ArgumentException(
                FormattableString.Invariant($"the strength is {strength}; the file takes {least} to {most}"));
        if (least < most) controls["strength"] = new[] { chosen };
        var names = session.InputMetadata.ContainsKey("style")
            ? Regex.Matches(styles, @"""name"": ""(.*?)""").Cast<Match>().Select(it => it.Groups[1].Value).ToArray()
            : new string[0];
        if (!string.IsNullOrEmpty(style) && !names.Contains(style))
            throw new ArgumentException(
                $"the file has no style {style} to choose; there are: "
                + (names.Length > 0 ? string.Join(", ", names) : "none"));
        var wanted = string.IsNullOrEmpty(style) ? names.FirstOrDefault() : style;
        if (names.Length > 0) controls["style"] = names.Select(name => name == wanted ? 1f : 0f).ToArray();
        return controls;
    }

    /// <summary>Repaints RGB pixels, row by row from the top; the pastiche is of the same size.</summary>
    static byte[] Repaint(
        InferenceSession session, byte[] pixels, int height, int width, Dictionary<string, float[]> controls)
    {
        if (Math.Min(height, width) < MinSide)
            throw new ArgumentException(
                $"the picture is {width}x{height} px; a style takes {MinSide} px and more on each side");
        var inputs = controls.ToDictionary(control => control.Key, control => OrtValue.CreateTensorValueFromMemory(
            control.Value, control.Key == "style" ? new long[] { control.Value.Length } : new long[0]));
        inputs["content"] = OrtValue.CreateTensorValueFromMemory(pixels, new long[] { 1, height, width, 3 });
        try
        {
            using (var options = new RunOptions())
            using (var results = session.Run(options, inputs, new[] { "pastiche" }))
                return results[0].GetTensorDataAsSpan<byte>().ToArray();
        }
        finally
        {
            foreach (var input in inputs.Values) input.Dispose();
        }
    }

    static byte[] ReadPpm(string path, out int height, out int width)
    {
        var file = File.ReadAllBytes(path);
        var start = Encoding.ASCII.GetString(file, 0, Math.Min(file.Length, 64));
        var header = Regex.Match(start, @"^P6\s+(\d+)\s+(\d+)\s+255\s");
        if (!header.Success) throw new InvalidDataException(path + " is not a binary PPM of 8 bits");
        width = int.Parse(header.Groups[1].Value);
        height = int.Parse(header.Groups[2].Value);
        var pixels = new byte[height * width * 3];
        if (file.Length < header.Length + pixels.Length) throw new InvalidDataException(path + " is cut short");
        Array.Copy(file, header.Length, pixels, 0, pixels.Length);
        return pixels;
    }

    static void WritePpm(string path, byte[] pixels, int height, int width)
    {
        using (var file = File.Create(path))
        {
            var header = Encoding.ASCII.GetBytes($"P6\n{width} {height}\n255\n");
            file.Write(header, 0, header.Length);
            file.Write(pixels, 0, pixels.Length);
        }
    }
}
